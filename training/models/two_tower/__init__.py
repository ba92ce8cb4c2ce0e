"""Two-tower retrieval: a user tower over recent actions, an item tower over ids and features, contrastive loss."""

from training.models.two_tower.fitted import FittedTwoTower
from training.models.two_tower.settings import TwoTowerSettings
from training.models.two_tower.training import fit

__all__ = ["FittedTwoTower", "TwoTowerSettings", "fit"]
