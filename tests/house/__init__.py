"""The rules of the house, as tests: linters, sizes, words, layers, and the completeness of the workbook."""
