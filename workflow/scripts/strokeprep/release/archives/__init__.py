"""The archives that a release can be, by the name that the config gives them; one file for each."""

from strokeprep.release.archives import atlas, isles24, jhu

ARCHIVES = {
    archive.name: archive for archive in (isles24.CURRENT, isles24.CHALLENGE, jhu.JHU, atlas.ATLAS)
}
