"""Guides and searches measured on one attribute."""
