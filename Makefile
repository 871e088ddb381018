.PHONY: install check test bench

install:
	pip install -e '.[dev]'
	pre-commit install

check:
	ruff check .
	ruff format --check .
	mypy

test:
	pytest

# By hand; takes minutes. What it measures is in the script.
bench:
	python tests/benchmarks/build.py
	python tests/benchmarks/s3.py
