"""How every picture looks: style and colours, axes with true numbers, labels that fit, points."""
