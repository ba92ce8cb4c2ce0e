"""Contains all the data models used in inputs/outputs"""

from .accepted import Accepted
from .action import Action
from .arm import Arm
from .arm_metrics import ArmMetrics
from .arm_settings import ArmSettings
from .assigned_arm import AssignedArm
from .comparison_metrics import ComparisonMetrics
from .confirmed import Confirmed
from .decision_taken import DecisionTaken
from .erasure_progress import ErasureProgress
from .erasure_progress_files import ErasureProgressFiles
from .erasure_progress_tables import ErasureProgressTables
from .event_in import EventIn
from .experiment import Experiment
from .experiment_kind import ExperimentKind
from .experiment_metrics import ExperimentMetrics
from .explained_item import ExplainedItem
from .explained_item_features import ExplainedItemFeatures
from .explanation import Explanation
from .feature_state import FeatureState
from .field_error import FieldError
from .grant_refused import GrantRefused
from .guardrail_metrics import GuardrailMetrics
from .item import Item
from .item_attributes import ItemAttributes
from .item_in import ItemIn
from .item_in_attributes import ItemInAttributes
from .last_action import LastAction
from .problem import Problem
from .profile import Profile
from .profile_features import ProfileFeatures
from .rank_request import RankRequest
from .ready import Ready
from .ready_releases import ReadyReleases
from .recommendations import Recommendations
from .recommended_item import RecommendedItem
from .removed_item import RemovedItem
from .running_experiment import RunningExperiment
from .sample_ratio import SampleRatio
from .seen_in import SeenIn
from .stage_taken import StageTaken
from .status import Status
from .token import Token
from .token_request import TokenRequest
from .variance_reduction import VarianceReduction

__all__ = (
    "Accepted",
    "Action",
    "Arm",
    "ArmMetrics",
    "ArmSettings",
    "AssignedArm",
    "ComparisonMetrics",
    "Confirmed",
    "DecisionTaken",
    "ErasureProgress",
    "ErasureProgressFiles",
    "ErasureProgressTables",
    "EventIn",
    "Experiment",
    "ExperimentKind",
    "ExperimentMetrics",
    "ExplainedItem",
    "ExplainedItemFeatures",
    "Explanation",
    "FeatureState",
    "FieldError",
    "GrantRefused",
    "GuardrailMetrics",
    "Item",
    "ItemAttributes",
    "ItemIn",
    "ItemInAttributes",
    "LastAction",
    "Problem",
    "Profile",
    "ProfileFeatures",
    "RankRequest",
    "Ready",
    "ReadyReleases",
    "Recommendations",
    "RecommendedItem",
    "RemovedItem",
    "RunningExperiment",
    "SampleRatio",
    "SeenIn",
    "StageTaken",
    "Status",
    "Token",
    "TokenRequest",
    "VarianceReduction",
)
