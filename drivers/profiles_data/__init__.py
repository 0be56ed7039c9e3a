"""The profiles that come with borderpost, one TOML file each (``drivers.profiles`` has the form)."""
