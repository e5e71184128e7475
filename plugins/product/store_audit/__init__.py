"""Store audit (巡店与门店审计执行)."""
