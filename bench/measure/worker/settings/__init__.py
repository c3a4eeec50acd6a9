"""What a test leaves changed in its process, and how that is put back."""
