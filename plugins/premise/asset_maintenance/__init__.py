"""Asset maintenance (门店资产运维管理)."""
