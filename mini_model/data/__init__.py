"""What the model learns from: scenes made up at random, and what can be said and drawn about them."""
