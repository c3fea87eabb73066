"""Choose the photographs that teach a model most when they are labeled next."""
