"""How the coordinator starts workers, fresh or as forks of templates, and ends them with all they started."""
