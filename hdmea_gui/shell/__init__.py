"""The window itself: application, main window, actions, theme, layout and navigation."""
