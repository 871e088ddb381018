"""What a person can ask for: one module a verb, one public function a module."""
