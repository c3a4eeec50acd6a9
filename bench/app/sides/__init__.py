"""What is done with two revisions: gate, bisection, calibration, and what differs between them."""
