# First, for it quiets TensorFlow, which otherwise sets a louder level by itself that the
# commands which tests start would inherit.
import kdae as kdae
