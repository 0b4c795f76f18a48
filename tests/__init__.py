from kdae.quiet import quiet_libraries

# TensorFlow otherwise sets a louder level by itself, which the commands that tests start would
# inherit.
quiet_libraries()
