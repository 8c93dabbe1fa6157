"""What a person looks at: figures, pages and tables, drawn from records alone."""
