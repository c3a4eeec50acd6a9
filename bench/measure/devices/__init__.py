"""What a device is, what it can do at most, and whether its times are true."""
