"""The pages of a control plane: rendered here over the verbs of the service, with no rule of their own."""
