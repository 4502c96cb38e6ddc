"""The figures of `bench plot`, a module each: made from records, some from embeddings or a training as well."""
