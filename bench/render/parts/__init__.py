"""What a report's page is made of beside its figures, each part as data for the template."""
