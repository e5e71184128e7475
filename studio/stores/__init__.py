"""Store profiles in the studio: where they are kept (`keeping`), profiles in work (`work`), tables of many (`sheet`), their devices
(`devices`), opening hours (`hours`), floor (`floor`) and place (`places`)."""
