"""The whole system on one desk (command: borderpost-demo)."""
