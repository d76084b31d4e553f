"""The engine: paper -> trials -> records -> verdicts. It knows no paper by name."""
