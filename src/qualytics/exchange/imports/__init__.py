"""Connections of other tools: their files and variables read into entries, and entries made connections of ours."""
