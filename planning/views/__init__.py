"""Pages of decisions and of work items."""
