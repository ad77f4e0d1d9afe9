"""What a GPU does with the network and the search, beside the bare libraries: `rgbir bench gpu`."""
