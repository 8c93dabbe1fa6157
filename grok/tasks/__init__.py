"""Tasks, one file each: data, split, loss, and the criterion for a correct output."""
