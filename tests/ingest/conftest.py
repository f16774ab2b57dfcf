from hypothesis import settings

# The first example compiles kernels, and the machine is shared: no example is late.
settings.register_profile("swell", deadline=None)
settings.load_profile("swell")
