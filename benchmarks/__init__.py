"""How fast the service is, always as a ratio to something measured in the same run: `make bench`.

`__main__` is the door, `rows` the rows, `targets` what is measured, `load` what measures it, `fill`
puts tasks into a store through the service's own atomic steps. Figures and method:
docs/benchmarks.md.
"""
