"""From a document of any form to a payload of the dialect, by rules that a person wrote down as YAML."""
