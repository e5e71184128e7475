"""Purchase planning and sales forecast (采购计划与销售预测)."""
