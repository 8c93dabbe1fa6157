"""What is to be learned: data, split and loss, one file a task."""
