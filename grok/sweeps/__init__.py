"""From cells to folders: what one process trains, and what it leaves for each cell."""
