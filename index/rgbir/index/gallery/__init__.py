"""What was enrolled: its words, its rules, and the contract that every gallery keeps."""
