"""Every method and the main ablations on synthetic people: trained alike, several seeds each, and compared in pairs."""
