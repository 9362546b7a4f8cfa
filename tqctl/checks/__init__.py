"""What `tqctl check` looks at, one module an area; each yields lines and raises nothing but our own errors."""
