"""Many cameras at work: in this process (`inline`) or on Ray's actors over cores and machines (`ray_pool`), with the same readings.

A pool is given jobs and hands back reports. It knows what each camera costs, places cameras on hosts (`placement`), tells every move and
every rate that it lowers, and starts a camera again where its host died. `batch` works through recordings. Ray is loaded by `ray_pool`
and by `batch` only, where it is asked for.
"""
