"""Double descent and grokking: pattern learning in closed form, and peaks over model size."""
