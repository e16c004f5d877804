"""The one object that front ends and notebooks drive; it joins everything below."""
