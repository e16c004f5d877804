"""What notebooks use to look inside: source, kernel calls, graphs, pictures. Nothing below imports it."""
