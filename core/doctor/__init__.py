"""Whether a machine is fit for what it is to do: `storeloom doctor`.

`uses` says what each use needs, `probes` reads the machine, the checks (`software`, `folder`, `machine`, `reach`) judge what was read and
are pure. Nothing heavy is imported: what is installed is read from the packages' metadata.
"""
