"""The six Smart Response commands that LogRhythm starts for an analyst."""
