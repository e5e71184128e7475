"""Layout and customer flow (门店布局与动线管理)."""
