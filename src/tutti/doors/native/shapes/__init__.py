"""The wire shapes of the native door, a module for each chapter of its routes."""
