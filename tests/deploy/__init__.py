"""What deploy/ installs."""
