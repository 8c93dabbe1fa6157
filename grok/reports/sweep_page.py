def sweep_page(dataset): return ""
