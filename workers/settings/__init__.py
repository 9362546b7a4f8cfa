"""The one settings model and where its values come from."""
