"""What a run leaves: labelled arrays over steps, the configuration, and where they came from."""
