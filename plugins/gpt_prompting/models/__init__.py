"""Language models behind one interface: of this machine, and of others."""
