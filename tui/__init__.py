"""SHOW: the terminal face: screens, widgets and the commands."""
