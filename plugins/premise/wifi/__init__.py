"""Wi-Fi hot spots (WIFI/网络热点管理)."""
