// Trampolines: validate, translate, delegate.
